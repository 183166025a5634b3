select explode(sequence(date '2010-01-01', date '2039-12-31', interval 1 day)) as date_day
