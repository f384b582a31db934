// Package proposal is the domain of the proposal service: what a proposal is, what it predicts, what may be written in it
// and when it expires.
//
//	finding ──▶ skipped   when a rejection of the same stands in the way (see Damping)
//	        ──▶ pending ──▶ approved | rejected | snoozed | duplicate      (decisions: the dashboard's)
//	              │  ▲          snoozed ──▶ pending when due; any closed one ──▶ a new proposal that links back
//	  evidence of │  │ absorbed
//	  the same ───┘──┘
//	  matter      └──▶ expired   when the newest evidence is 30 days old and nobody decided
//
// An [Engine] writes the text; everything that is a number is computed here. Service checks whatever an engine wrote
// against the evidence before it is stored.
package proposal
