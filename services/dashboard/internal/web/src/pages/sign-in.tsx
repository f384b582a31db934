import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, rememberSession, unwrap } from "../api";
import { Button, Card, Failure, Field, inputClass } from "../parts/ui";

export function SignInPage() {
  const queries = useQueryClient();
  const [isNew, setIsNew] = useState(false);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: async () => {
      const body = { email, password };
      return isNew ? unwrap(api.POST("/api/v1/auth/sign-up", { body })) : unwrap(api.POST("/api/v1/auth/login", { body }));
    },
    onSuccess: (session) => queries.setQueryData(["session"], rememberSession(session)),
  });
  return (
    <main className="mx-auto mt-16 max-w-sm px-4">
      <h1 className="mb-1 text-2xl font-semibold">Specter</h1>
      <p className="mb-6 text-soft">From what users do to proof that a change helped.</p>
      <Card>
        <form
          className="space-y-4"
          onSubmit={(event) => {
            event.preventDefault();
            enter.mutate();
          }}
        >
          <Field label="E-mail">
            <input className={inputClass} type="email" name="email" autoComplete="username" required value={email} onChange={(e) => setEmail(e.target.value)} />
          </Field>
          <Field label="Password">
            <input
              className={inputClass}
              type="password"
              name="password"
              autoComplete={isNew ? "new-password" : "current-password"}
              minLength={10}
              required
              value={password}
              onChange={(e) => setPassword(e.target.value)}
            />
          </Field>
          {enter.error && <Failure error={enter.error} />}
          <Button type="submit" look="primary" className="w-full" disabled={enter.isPending}>
            {isNew ? "Create account" : "Sign in"}
          </Button>
        </form>
      </Card>
      <p className="mt-4 text-center text-sm text-soft">
        {isNew ? "Already have an account?" : "New here?"}{" "}
        <button type="button" className="cursor-pointer font-medium text-accent underline" onClick={() => setIsNew(!isNew)}>
          {isNew ? "Sign in" : "Create an account"}
        </button>
      </p>
    </main>
  );
}
