module github.com/chaintable/chaintable

go 1.26
