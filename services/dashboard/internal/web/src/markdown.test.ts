import { describe, expect, it } from "vitest";
import type { Proposal } from "./api";
import { asMarkdown } from "./markdown";

const proposal = {
  id: "01a2",
  title: "Fix “#pay” of Checkout",
  context_name: "Checkout",
  confidence: 0.95,
  diagnosis: "“rage_click” at “/checkout”: 66 came.\nIt began on 16 Nov 2026.",
  suggested_change: "Look at the button.\nShip it to a few.",
  predicted_impact: { metric: "positive_ratio", baseline: 0.59, predicted: 0.726, low: 0.648, high: 0.791 },
  evidence: { segments: [{ type: "rage_click", conditions: [{ dimension: "path", value: "/a|b" }], window: 66, expected: 14.6, share_of_change: 0.96 }] },
} as unknown as Proposal;

describe("a proposal as Markdown", () => {
  it("has everything one needs to act on it", () => {
    expect(asMarkdown(proposal, "https://specter.example/p/1/proposals?id=01a2")).toMatchInlineSnapshot(`
      "## Fix “#pay” of Checkout

      **Context:** Checkout · **Confidence:** high (95%)

      ### Diagnosis

      “rage\\_click” at “/checkout”: 66 came.

      It began on 16 Nov 2026.

      ### Suggested change

      - Look at the button.
      - Ship it to a few.

      ### Predicted impact

      Positive ratio: 59% → 72.6% (80% range 64.8% to 79.1%)

      ### Evidence

      | What and where | Seen | Expected | Share of the change |
      |---|---:|---:|---:|
      | Negative signals at “/a\\|b”, most often “rage\\_click” | 66 | 15 | 96% |

      [Open in Specter](https://specter.example/p/1/proposals?id=01a2)

      Specter-Proposal: 01a2
      "
    `);
  });

  it("lets nothing that visitors sent become a link, a picture or HTML", () => {
    const text = asMarkdown({ ...proposal, title: "![x](http://evil.example) <img src=x>" }, "https://specter.example");
    expect(text).toContain("## !\\[x\\](http://evil.example) \\<img src=x\\>");
  });
});
