module demo

go 1.15
