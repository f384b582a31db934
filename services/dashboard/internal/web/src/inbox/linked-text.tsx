import { Link } from "wouter";
import { piecesOf, signalsHref, type Figure } from "../figures";

interface LinkedTextProps {
  text: string;
  figures: Figure[];
  product: string;
}

/** A text whose numbers lead to the signals they were counted from. */
export function LinkedText({ text, figures, product }: LinkedTextProps) {
  return piecesOf(text, figures).map(({ text: words, figure }, i) =>
    figure === undefined ? (
      words
    ) : (
      <Number key={i} figure={figure} product={product}>
        {words}
      </Number>
    ),
  );
}

interface NumberProps {
  figure: Pick<Figure, "what" | "query">;
  product: string;
  children: string;
}

/** One number, with the query behind it. */
export function Number({ figure, product, children }: NumberProps) {
  return (
    <Link
      href={signalsHref(product, figure.query)}
      title={`${figure.what}: see the signals`}
      className="font-medium whitespace-nowrap text-ink tabular-nums underline decoration-soft/60 decoration-dotted underline-offset-3 hover:decoration-accent hover:decoration-solid"
    >
      {children}
    </Link>
  );
}
