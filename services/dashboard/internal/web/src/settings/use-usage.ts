import { useQuery } from "@tanstack/react-query";
import { api, unwrap, type Schemas } from "../api";
import { asCount, asUtcDay } from "../format";

/**
 * The month's usage: the server sums it up anew for each question, so it is asked now and then. Another plan has other
 * limits, which are asked for at once.
 */
export function useUsage(plan = "") {
  return useQuery({ queryKey: ["usage", plan], queryFn: () => unwrap(api.GET("/api/v1/usage")), refetchInterval: 30_000 });
}

/** How much of a limit is used: "3 of 5". */
export function usedOf(used: number | undefined, limit: number | undefined): string {
  return limit === undefined ? `${asCount(used)}, no limit` : `${asCount(used)} of ${asCount(limit)}`;
}

/** For how long signals are kept. What a larger plan kept stays for a while: "24 months; from 26 Dec 2026 on 3 months". */
export function keptFor({ retention_months, kept_months, kept_until }: Pick<Schemas["Usage"], "retention_months" | "kept_months" | "kept_until">): string {
  const months = (n: number | undefined) => `${asCount(n)} ${n === 1 ? "month" : "months"}`;
  if (kept_months === undefined) return months(retention_months);
  return `${months(kept_months)}; from ${asUtcDay(kept_until)} on ${months(retention_months)}`;
}
