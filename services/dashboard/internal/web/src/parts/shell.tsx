import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { api, unwrap, type Session } from "../api";
import { DisabledBanner } from "../webhooks/banner";
import { Button } from "./ui";

const pages = [
  ["contexts", "Contexts"],
  ["signals", "Signals"],
  ["proposals", "Proposals"],
  ["deployments", "Deployments"],
  ["settings", "Settings"],
] as const;

interface ShellProps {
  product: string;
  page: string;
  session: Session;
  children: ReactNode;
}

export function Shell({ product, page, session, children }: ShellProps) {
  const [, navigate] = useLocation();
  const products = useQuery({ queryKey: ["products"], queryFn: () => unwrap(api.GET("/api/v1/products")) });
  return (
    <div className="mx-auto max-w-6xl px-4 pb-24 sm:pb-16">
      <SkipToContent />
      <header className="flex flex-wrap items-center gap-x-6 gap-y-2 border-b border-line py-3">
        <Brand />
        <select
          aria-label="Product"
          className="rounded-lg border border-line bg-card px-2 py-1 text-sm"
          value={product}
          onChange={(event) => navigate(`/p/${event.target.value}/${page}`)}
        >
          {products.data?.items.map((item) => (
            <option key={item.id} value={item.id}>
              {item.name}
            </option>
          ))}
        </select>
        <nav aria-label="Sections" className="fixed inset-x-0 bottom-0 z-5 flex justify-around gap-1 border-t border-line bg-card p-1.5 pb-[max(0.375rem,env(safe-area-inset-bottom))] sm:static sm:border-0 sm:bg-transparent sm:p-0">
          {pages.map(([path, name]) => (
            <Link
              key={path}
              href={`/p/${product}/${path}`}
              aria-current={page === path ? "page" : undefined}
              className={linkClass(page === path)}
            >
              {name}
            </Link>
          ))}
        </nav>
        <SignOut email={session.email} />
      </header>
      <DisabledBanner product={product} />
      <main id="content" className="pt-6">
        {children}
      </main>
    </div>
  );
}

/** The frame of pages that are about no product. */
export function AccountShell({ session, children }: { session: Session; children: ReactNode }) {
  return (
    <div className="mx-auto max-w-4xl px-4 pb-16">
      <SkipToContent />
      <header className="flex items-center gap-x-6 border-b border-line py-3">
        <Brand />
        <nav aria-label="Sections" className="flex gap-1">
          <AccountLink href="/" name="Products" />
          <AccountLink href="/settings" name="Settings" />
        </nav>
        <SignOut email={session.email} />
      </header>
      <main id="content" className="pt-6">
        {children}
      </main>
    </div>
  );
}

function SkipToContent() {
  return (
    <a href="#content" className="sr-only focus:not-sr-only">
      Skip to content
    </a>
  );
}

function Brand() {
  return (
    <Link href="/" className="font-semibold text-accent">
      Specter
    </Link>
  );
}

function AccountLink({ href, name }: { href: string; name: string }) {
  const [path] = useLocation();
  const here = href === "/" ? path === "/" : path.startsWith(href);
  return (
    <Link href={href} aria-current={here ? "page" : undefined} className={linkClass(here)}>
      {name}
    </Link>
  );
}

const linkClass = (here: boolean) =>
  `rounded-lg px-1.5 py-2 text-[0.7rem] font-medium sm:px-3 sm:py-1.5 sm:text-sm ${here ? "bg-accent text-on-accent" : "text-soft hover:text-ink"}`;

export function SignOut({ email }: { email: string }) {
  const queries = useQueryClient();
  const signOut = async () => {
    await api.POST("/api/v1/auth/logout");
    queries.clear();
    window.location.assign("/");
  };
  return (
    <div className="ml-auto flex items-center gap-3 text-sm text-soft">
      <span className="hidden md:inline">{email}</span>
      <Button onClick={signOut}>Sign out</Button>
    </div>
  );
}
