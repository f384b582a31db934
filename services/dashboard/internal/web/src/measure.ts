import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation } from "wouter";
import { api, tell, unwrap } from "./api";

const word = /^[a-z][a-z-]{0,19}$/;

/** The pattern of an address: what is not a word of ours becomes a placeholder, so that no id is in it. */
export function patternOf(pathname: string): string {
  const parts = pathname.split("/").filter((part) => part !== "");
  return `/${parts.map((part, at) => (word.test(part) ? part : parts[at - 1] === "p" ? ":product" : ":id")).join("/")}`;
}

// A visit is a number that nothing keeps: it is gone with the page's memory.
const visit = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Whether pages are measured, asked once: only its own switch changes it. */
export const analytics = queryOptions({
  queryKey: ["analytics"],
  queryFn: () => unwrap(api.GET("/api/v1/account/analytics")),
  staleTime: Infinity,
  refetchInterval: false,
});

/** Tells which pages are opened, where the operator measures that and neither the account nor the browser objects. */
export function useMeasuring() {
  const [location] = useLocation();
  const measuring = useQuery(analytics);
  const active = measuring.data?.active === true;
  const page = patternOf(location);
  useEffect(() => {
    if (active) void tell("/ph/i/v0/e/", { event: "$pageview", distinct_id: visit, properties: { $pathname: page } });
  }, [active, page]);
}
