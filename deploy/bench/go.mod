module github.com/draftlabs/specter/deploy/bench

go 1.26.0

require github.com/draftlabs/specter/pkg/testkit v0.0.0

replace (
	github.com/draftlabs/specter/pkg => ../../pkg
	github.com/draftlabs/specter/pkg/testkit => ../../pkg/testkit
	github.com/draftlabs/specter/proto => ../../proto
)
