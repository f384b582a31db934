import { describe, expect, it } from "vitest";
import { familyWord, scoreSentence } from "./scoreboard";

const group = { family: "rage_clicks", engine: "builtin", measured: 10, unmeasured: 0, covered: 8, coverage: 0.8, mean_ratio: 1, crps: 0.1 };

describe("a score", () => {
  it("says whether ranges and sizes were right", () => {
    expect(scoreSentence(group, 0.8)).toBe("80% of 10 outcomes were in range: the ranges are about right, and about as much came as was predicted.");
    expect(scoreSentence({ ...group, coverage: 0.5, mean_ratio: 0.4, unmeasured: 2 }, 0.8)).toBe("50% of 10 outcomes were in range: the ranges are too narrow, and less came than was predicted. 2 could not be measured.");
    expect(scoreSentence({ ...group, coverage: 1, mean_ratio: 1.5 }, 0.8)).toContain("wider than they need be, and more came");
  });

  it("does not judge ranges by a handful, nor by nothing", () => {
    expect(scoreSentence({ ...group, measured: 1 }, 0.8)).toContain("After one measurement, too few");
    expect(scoreSentence({ family: "x", engine: "", measured: 0, unmeasured: 1, covered: 0 }, 0.8)).toBe("Nothing was measured yet. 1 could not be measured.");
  });

  it("names families, also ones it does not know", () => {
    expect(familyWord("rage_clicks")).toBe("Rage clicks");
    expect(familyWord("quite_new")).toBe("quite new");
  });
});
