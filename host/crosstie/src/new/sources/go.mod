module policy/{name}

go 1.24

require crosstie v0.0.0

replace crosstie => ./crosstie-plugin
