// Package llm has a language model write proposals, over any endpoint that speaks OpenAI's chat completions.
//
// What leaves is one JSON document of redacted, aggregated evidence (facts.go) between the lines of a fixed, versioned
// prompt (prompt.txt); never a signal, an example, or the id of an account or product. What comes back is a proposal's
// three texts, which the Writer of package proposal holds to the evidence.
//
// A draft is asked for like this:
//
//	breaker ─▶ reserve ─▶ POST ─▶ settle ─┬─ 200 ─▶ read the answer
//	   │          │         ▲             ├─ 400 ─▶ ask again with a plainer response_format
//	   │          │         └── backoff ──┼─ 429, 5xx, no connection: again, within the deadline
//	   ▼          ▼                       └─ anything else: give up
//	circuit_open  budget
package llm
