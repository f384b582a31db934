import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, unwrap, type Proposal } from "../api";
import { isOpen } from "../lifecycle";

export type View = "inbox" | "decided";

// Each proposal carries its evidence, hours and all.
const pageSize = 30;

function useStatus(product: string, status: Proposal["status"] | undefined, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: ["proposals", product, status ?? "all"],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET("/api/v1/products/{product_id}/proposals", {
          params: {
            path: { product_id: product },
            query: { limit: pageSize, ...(status === undefined ? {} : { status }), ...(pageParam === "" ? {} : { cursor: pageParam }) },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 10_000,
    enabled,
  });
}

/** The proposals of a view, by impact as the server has them. */
export function useProposals(product: string, view: View) {
  const pending = useStatus(product, "pending", view === "inbox");
  const snoozed = useStatus(product, "snoozed", view === "inbox");
  const all = useStatus(product, undefined, view === "decided");
  const used = view === "inbox" ? [pending, snoozed] : [all];
  const items = used.flatMap((list) => list.data?.pages.flatMap((page) => page.items) ?? []);
  return {
    items: view === "inbox" ? items : items.filter((p) => !isOpen(p)),
    pending: used.some((list) => list.isPending),
    error: used.find((list) => list.error !== null)?.error ?? null,
    hasMore: used.some((list) => list.hasNextPage),
    loadMore: () => {
      for (const list of used) if (list.hasNextPage) void list.fetchNextPage();
    },
  };
}

/** What was approved last: an open proposal may repeat it. */
export function useApproved(product: string): Proposal[] {
  const approved = useQuery({
    queryKey: ["proposals", product, "approved"],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/proposals", { params: { path: { product_id: product }, query: { status: "approved", limit: pageSize } } })),
    refetchInterval: false,
    staleTime: 60_000,
  });
  return approved.data?.items ?? [];
}

/** A proposal that a link names and the list does not have. */
export function useLinked(id: string | undefined) {
  return useQuery({
    queryKey: ["proposal", id],
    queryFn: () => unwrap(api.GET("/api/v1/proposals/{proposal_id}", { params: { path: { proposal_id: id ?? "" } } })),
    enabled: id !== undefined,
  });
}
