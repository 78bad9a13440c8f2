module rolecall/bench/hook

go 1.22
