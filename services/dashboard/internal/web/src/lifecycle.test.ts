import { describe, expect, it } from "vitest";
import type { Context, Proposal } from "./api";
import { addStep, damped, funnelProblem, matching, moveStep, notProposedText, reasonWord, reasons, reopensText, snoozeUntil, standing, twinsOf, whyEmpty } from "./lifecycle";

const context = (signals: number, more: Partial<NonNullable<Context["health"]>> = {}): Context =>
  ({ health: { status: "healthy", signals_24h: signals, signals_needed: 5, sparkline: [], open_proposals: 0, ...more } }) as unknown as Context;

describe("an empty inbox", () => {
  it("says why", () => {
    expect(whyEmpty([context(0), context(0)])).toContain("no signals came");
    expect(whyEmpty([context(3), context(0)])).toContain("an analysis needs");
    expect(whyEmpty([context(3), context(900)])).toContain("more than chance explains");
  });
});

describe("a context", () => {
  it("counts what is missing for an analysis", () => {
    expect(standing(context(3))).toBe("3 of 5 signals in 24 h that an analysis needs.");
  });

  it("tells the last result with its reason, and when the next is", () => {
    const last_analysis = { finished_at: "2026-05-04T14:00:00Z", reason: "nothing significant: evidence 2.1 of the 8.5 a finding needs" };
    const text = standing(context(90, { last_analysis, next_analysis_at: "2026-05-04T14:03:00Z" } as never));
    expect(text).toContain("nothing significant: evidence 2.1");
    expect(text).toContain("Next analysis about");
    expect(standing(context(90))).toContain("The next signals make");
  });
});

describe("what is not proposed", () => {
  const skip = { rejected_proposal_id: "1", title: "Make “#pay” respond", reason_code: "not_a_problem" as const, rejected_at: "2026-05-04T14:00:00Z", until: "2026-06-03T14:00:00Z" };
  it("names what was rejected, when and why", () => {
    const text = notProposedText({ rule: "same_matter", ...skip });
    expect(text).toContain("you rejected ‘Make “#pay” respond’ on 4 May 2026 (not a problem)");
    expect(text).toContain("until 3 Jun 2026");
    expect(notProposedText({ rule: "same_family", ...skip })).toContain("(not a problem), which is of the same kind, and this one is not sure enough.");
  });
});

describe("a proposal that follows another", () => {
  it("has regressed again only when a fix was verified", () => {
    expect(reopensText({ proposal_id: "1", title: "x", after: "improved" }).badge).toBe("↺ regressed again");
    for (const after of ["approved", "rejected", "duplicate", "expired"] as const) {
      expect(reopensText({ proposal_id: "1", title: "x", after }).badge).toBe("↺ seen again");
    }
  });
});

describe("the inbox", () => {
  const proposal = (id: string, more: Partial<Proposal> = {}) =>
    ({ id, status: "pending", title: `Title ${id}`, context_name: "Checkout", context_id: "c1", family: "rage_clicks", diagnosis: "", suggested_change: "", evidence: {}, ...more }) as Proposal;
  const at = (type: string, value: string) => ({ segments: [{ type, conditions: [{ dimension: "path", value }] }] });

  it("is searched by words", () => {
    const list = [proposal("a", { diagnosis: "Safari users" }), proposal("b")];
    expect(matching(list, "").map((p) => p.id)).toEqual(["a", "b"]);
    expect(matching(list, "  safari CHECKOUT ").map((p) => p.id)).toEqual(["a"]);
    expect(matching(list, "safari help")).toEqual([]);
  });

  it("offers the likeliest twin first, and none that leads nowhere", () => {
    const one = proposal("a", { evidence: at("rage_click", "/pay") });
    const others = [
      one,
      proposal("elsewhere", { context_id: "c2", evidence: at("js_error", "/") }),
      proposal("same place", { evidence: at("rage_click", "/pay"), status: "approved" }),
      proposal("same context"),
      proposal("a duplicate", { status: "duplicate", evidence: at("rage_click", "/pay") }),
      proposal("expired", { status: "expired" }),
    ];
    expect(twinsOf(one, others).map((t) => [t.proposal.id, t.alike])).toEqual([
      ["same place", true],
      ["same context", false],
      ["elsewhere", false],
    ]);
  });

  it("knows what rejections took from a proposal", () => {
    expect(damped({ provenance: { damped: 0.5 } } as unknown as Proposal)).toBe(0.5);
    expect(damped({ provenance: {} } as unknown as Proposal)).toBeUndefined();
  });
});

describe("reasons and snoozes", () => {
  it("have words", () => {
    expect(reasons.map(([name]) => name)).toEqual(["not_a_problem", "wrong_cause", "wont_fix", "duplicate", "other"]);
    expect(reasonWord("wont_fix")).toBe("Won't fix");
    expect(snoozeUntil("3", Date.parse("2026-05-04T14:00:00Z"))).toBe("2026-05-07T14:00:00.000Z");
  });
});

describe("a funnel", () => {
  it("takes each type once, eight at most", () => {
    expect(addStep(["a"], "b")).toEqual(["a", "b"]);
    expect(addStep(["a"], "a")).toEqual(["a"]);
    expect(addStep(["a"], "")).toEqual(["a"]);
    expect(addStep(["1", "2", "3", "4", "5", "6", "7", "8"], "9")).toHaveLength(8);
  });

  it("moves a step by one place and stops at the ends", () => {
    expect(moveStep(["a", "b", "c"], 1, -1)).toEqual(["b", "a", "c"]);
    expect(moveStep(["a", "b", "c"], 2, 1)).toEqual(["a", "b", "c"]);
    expect(moveStep(["a", "b", "c"], 0, -1)).toEqual(["a", "b", "c"]);
  });

  it("has two steps or none", () => {
    expect(funnelProblem([])).toBeUndefined();
    expect(funnelProblem(["a"])).toContain("2 to 8");
    expect(funnelProblem(["a", "b"])).toBeUndefined();
  });
});
