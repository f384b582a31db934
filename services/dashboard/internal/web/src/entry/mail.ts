import { api, unwrap } from "../api";

export type MailWay = "recover" | "magic-link" | "resend";

/** Asks for a mail; the answer is the same whether there is an account with the address or not. */
export function askForMail(way: MailWay, email: string): Promise<unknown> {
  return unwrap(api.POST(`/api/v1/auth/${way}`, { body: { email } }));
}
