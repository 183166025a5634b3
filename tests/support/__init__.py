"""What tests share and no test is: data sets, the oracle, the law, drivers."""
