import { useQuery } from "@tanstack/react-query";
import { Redirect, Route, Switch } from "wouter";
import { api, ApiError, rememberSession, unwrap } from "./api";
import { ContextsPage } from "./pages/contexts";
import { DeploymentsPage } from "./pages/deployments";
import { ProposalsPage } from "./pages/proposals";
import { ProductsPage } from "./pages/products";
import { SettingsPage } from "./pages/settings";
import { SignalsPage } from "./pages/signals";
import { SignInPage } from "./pages/sign-in";
import { Shell } from "./parts/shell";
import { Failure, Loading } from "./parts/ui";

export function App() {
  const session = useQuery({
    queryKey: ["session"],
    queryFn: async () => rememberSession(await unwrap(api.GET("/api/v1/session"))),
    refetchInterval: 60_000,
  });

  if (session.isPending) return <Loading what="Signing in" />;
  if (session.error instanceof ApiError && session.error.status === 401) return <SignInPage />;
  if (session.error) return <Failure error={session.error} />;

  return (
    <Switch>
      <Route path="/">
        <ProductsPage session={session.data} />
      </Route>
      <Route path="/p/:product/:page">
        {({ product, page }) => (
          <Shell product={product} page={page} session={session.data}>
            <Page product={product} page={page} />
          </Shell>
        )}
      </Route>
      <Route path="/p/:product">{({ product }) => <Redirect to={`/p/${product}/contexts`} replace />}</Route>
      <Route>
        <Redirect to="/" replace />
      </Route>
    </Switch>
  );
}

function Page({ product, page }: { product: string; page: string }) {
  switch (page) {
    case "contexts":
      return <ContextsPage product={product} />;
    case "signals":
      return <SignalsPage product={product} />;
    case "proposals":
      return <ProposalsPage product={product} />;
    case "deployments":
      return <DeploymentsPage product={product} />;
    case "settings":
      return <SettingsPage product={product} />;
    default:
      return <Redirect to={`/p/${product}/contexts`} replace />;
  }
}
