import type { Schemas } from "./api";
import { asPercent } from "./format";

const families: Record<string, string> = {
  ratio_worsening: "Ratio that got worse",
  slow_worsening: "Ratio that got worse slowly",
  error_spike: "More errors",
  new_error: "New error",
  rage_clicks: "Rage clicks",
  broken_release: "Broken release",
  funnel_drop: "Step that fewer take",
  silence: "Silence",
  volume_collapse: "Fewer signals",
  deployment_regressed: "Deployment that made it worse",
};

/** A family of findings as people call it. */
export function familyWord(family: string): string {
  return families[family] ?? family.replaceAll("_", " ");
}

/** From so many measurements on, a share of them says something. */
const enough = 5;

/** What the scores of a group come to. */
export function scoreSentence(group: Schemas["CalibrationGroup"], target: number): string {
  const unmeasured = group.unmeasured === 0 ? "" : ` ${group.unmeasured} could not be measured.`;
  if (group.coverage === undefined || group.mean_ratio === undefined) return `Nothing was measured yet.${unmeasured}`;
  const half = group.mean_ratio < 0.9 ? "less came than was predicted" : group.mean_ratio > 1.1 ? "more came than was predicted" : "about as much came as was predicted";
  if (group.measured < enough) return `After ${group.measured === 1 ? "one measurement" : `${group.measured} measurements`}, too few to judge the ranges: ${half}.${unmeasured}`;
  const ranges = group.coverage < target - 0.15 ? "the ranges are too narrow" : group.coverage > target + 0.15 ? "the ranges are wider than they need be" : "the ranges are about right";
  return `${asPercent(group.coverage)} of ${group.measured} outcomes were in range: ${ranges}, and ${half}.${unmeasured}`;
}
