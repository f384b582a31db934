// Package plan is what an account may use, by the plan it has.
//
// The plans of an instance are a book, read from the YAML file that SPECTER_PLANS_FILE names:
//
//	plans:
//	  - name: pro                # accounts hold this name: never give it to another plan
//	    title: Pro               # what people read
//	    limits:                  # 0 or left out: unlimited
//	      signals_per_month: 2000000
//	      products: 10
//	      contexts: 100          # over all products
//	      analyses_per_day: 1000
//	      retention_months: 12   # 0 or left out: 24, the longest there is
//	      webhook_endpoints: 10
//	    stripe_prices: [price_…] # a subscription to one of them is a subscription to the plan
//
// The file is the whole book. Two plans must be in it: "self-hosted", which accounts have while
// nobody is asked to pay, and "free", which they have before they pay. Without a file the book is
// default.yaml.
package plan
