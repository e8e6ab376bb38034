module crosstie

go 1.24
