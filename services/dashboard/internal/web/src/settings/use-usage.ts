import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "../api";
import { asCount } from "../format";

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
