module github.com/draftlabs/specter/pkg/sdk/go

go 1.26.0
