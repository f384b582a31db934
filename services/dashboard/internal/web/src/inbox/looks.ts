import type { Proposal } from "../api";
import type { Tone } from "../parts/ui";

/** A status is never told by its colour alone. */
export const statusLooks: Record<Proposal["status"], [Tone, string]> = {
  pending: ["accent", "● to decide"],
  approved: ["good", "✓ approved"],
  rejected: ["neutral", "✕ rejected"],
  snoozed: ["neutral", "◷ snoozed"],
  duplicate: ["neutral", "⧉ duplicate"],
  expired: ["neutral", "○ expired"],
};
