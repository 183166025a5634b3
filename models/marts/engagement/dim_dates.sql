select explode(sequence(date '2010-01-01', date '2039-12-31')) as date_day
