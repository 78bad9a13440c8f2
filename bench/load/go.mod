module rolecall/bench/load

go 1.22
