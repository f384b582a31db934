package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/hook"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Hooks is the hook.Store.
type Hooks struct{ *Store }

var _ hook.Store = Hooks{}

// Hook reads how a product is told of what it ships; nobody has to have set anything.
func (s Hooks) Hook(ctx context.Context, accountID, productID uuid.UUID) (hook.Hook, error) {
	var out hook.Hook
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		row, err := q.DeployHook(ctx, productID)
		if isAbsent(err) {
			out = hook.Hook{AccountID: accountID, ProductID: productID, Settings: hook.DefaultSettings()}
			return nil
		}
		out = toHook(row)
		return err
	})
	return out, wrap(err, "reading the deploy hook")
}

func toHook(row db.DeployHook) hook.Hook {
	return hook.Hook{
		AccountID: row.AccountID, ProductID: row.ProductID, TokenHint: row.TokenHint, TokenMadeAt: row.TokenMadeAt, OldTokenUntil: row.OldTokenUntil,
		SecretMadeAt: row.GithubSecretMadeAt, OldSecretTill: row.OldGithubSecretUntil, RefusedAt: row.RefusedAt, Revision: int(row.Version),
		Settings: hook.Settings{Environments: row.Environments, DeployedBy: row.DeployedBy, LinkedBy: row.LinkedBy},
	}
}

// Hooked edits the settings.
func (s Hooks) Hooked(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time, edit func(*hook.Hook) error) (hook.Hook, error) {
	var out hook.Hook
	err := s.made(ctx, a, productID, at, func(q *db.Queries, row db.DeployHook) error {
		h := toHook(row)
		if err := edit(&h); err != nil {
			return err
		}
		row, err := q.SetDeployHook(ctx, db.SetDeployHookParams{
			ProductID: productID, Environments: h.Environments, DeployedBy: h.DeployedBy, LinkedBy: h.LinkedBy, UpdatedAt: at,
		})
		if err != nil {
			return err
		}
		out = toHook(row)
		return audit(ctx, q, change{actor: a, at: at, action: "deploy_hook.updated", subject: "product", id: productID, detail: map[string]any{
			"environments": h.Environments, "deployed_by": h.DeployedBy, "linked_by": h.LinkedBy,
		}})
	})
	return out, wrap(err, "updating the deploy hook")
}

// made runs fn with the product's hook, made when there is none, and locked.
func (s Hooks) made(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time, fn func(*db.Queries, db.DeployHook) error) error {
	return s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		if err := q.MakeDeployHook(ctx, db.MakeDeployHookParams{AccountID: a.Account, ProductID: productID, CreatedAt: at}); err != nil {
			return err
		}
		row, err := q.LockDeployHook(ctx, productID)
		if err != nil {
			return err
		}
		return fn(q, row)
	})
}

// rotated is what a repeated request gets again.
type rotated struct {
	Hook hook.Hook
	Text string
}

// RotateToken keeps the hash of a new token.
func (s Hooks) RotateToken(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time, r hook.Rotation, token string) (hook.Hook, string, error) {
	return s.rotate(ctx, a, productID, at, "deploy_hook.token_rotated", token, func(q *db.Queries) (db.DeployHook, error) {
		return q.RotateDeployToken(ctx, db.RotateDeployTokenParams{ProductID: productID, Hash: r.Hash, Hint: r.Hint, At: &at, OldUntil: r.OldUntil})
	})
}

// RotateSecret keeps a new secret, sealed.
func (s Hooks) RotateSecret(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time, r hook.Rotation) (hook.Hook, string, error) {
	return s.rotate(ctx, a, productID, at, "deploy_hook.github_secret_rotated", r.Secret, func(q *db.Queries) (db.DeployHook, error) {
		return q.RotateGitHubSecret(ctx, db.RotateGitHubSecretParams{ProductID: productID, Sealed: s.github.Seal([]byte(r.Secret)), At: &at, OldUntil: r.OldUntil})
	})
}

func (s Hooks) rotate(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time, action, text string, put func(*db.Queries) (db.DeployHook, error)) (hook.Hook, string, error) {
	var out rotated
	err := s.made(ctx, a, productID, at, func(q *db.Queries, _ db.DeployHook) error {
		var err error
		out, err = once(ctx, q, s.Store, a.Account, at, func() (rotated, error) {
			row, err := put(q)
			if err != nil {
				return rotated{}, err
			}
			return rotated{toHook(row), text}, audit(ctx, q, change{actor: a, at: at, action: action, subject: "product", id: productID})
		})
		return err
	})
	return out.Hook, out.Text, wrap(err, "rotating the deploy hook's secret")
}

// RevokeToken closes the address; doing it twice is fine.
func (s Hooks) RevokeToken(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time) error {
	return s.revoke(ctx, a, productID, at, "deploy_hook.token_revoked", func(q *db.Queries) (int64, error) {
		return q.RevokeDeployToken(ctx, db.RevokeDeployTokenParams{ProductID: productID, UpdatedAt: at})
	})
}

// RevokeSecret forgets what GitHub signs with; doing it twice is fine.
func (s Hooks) RevokeSecret(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time) error {
	return s.revoke(ctx, a, productID, at, "deploy_hook.github_secret_revoked", func(q *db.Queries) (int64, error) {
		return q.RevokeGitHubSecret(ctx, db.RevokeGitHubSecretParams{ProductID: productID, UpdatedAt: at})
	})
}

func (s Hooks) revoke(ctx context.Context, a actor.Actor, productID uuid.UUID, at time.Time, action string, end func(*db.Queries) (int64, error)) error {
	err := s.in(ctx, a.Account, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		n, err := end(q)
		if err != nil || n == 0 {
			return err
		}
		return audit(ctx, q, change{actor: a, at: at, action: action, subject: "product", id: productID})
	})
	return wrap(err, "revoking the deploy hook's secret")
}

// ByToken finds the hook of an address before its account is known.
func (s Hooks) ByToken(ctx context.Context, hash []byte, now time.Time) (hook.Opened, error) {
	var out hook.Opened
	err := tenant.LookupTx(ctx, s.db, tenant.Lookup{TokenHash: hash}, func(tx pgx.Tx) error {
		row, err := db.New(tx).DeployHookByToken(ctx, db.DeployHookByTokenParams{Hash: hash, Now: now})
		out = hook.Opened{Hook: toHook(row)}
		return found(err)
	})
	return out, wrap(err, "finding the deploy hook")
}

// ByProduct finds a product's hook before its account is known, with what its deliveries are signed with.
func (s Hooks) ByProduct(ctx context.Context, productID uuid.UUID, now time.Time) (hook.Opened, error) {
	if productID == uuid.Nil {
		return hook.Opened{}, errNotFound
	}
	var out hook.Opened
	err := tenant.LookupTx(ctx, s.db, tenant.Lookup{HookProduct: productID}, func(tx pgx.Tx) error {
		row, err := db.New(tx).DeployHook(ctx, productID)
		if err != nil {
			return found(err)
		}
		out = hook.Opened{Hook: toHook(row)}
		sealedSecrets := [][]byte{row.GithubSecretSealed}
		if row.OldGithubSecretUntil != nil && now.Before(*row.OldGithubSecretUntil) {
			sealedSecrets = append(sealedSecrets, row.OldGithubSecretSealed)
		}
		for _, sealedSecret := range sealedSecrets {
			// One that was sealed with another secret key opens no more: it is as good as none.
			if secret, err := s.github.Open(sealedSecret); err == nil {
				out.Secrets = append(out.Secrets, string(secret))
			}
		}
		return nil
	})
	return out, wrap(err, "finding the deploy hook")
}

// Refused notes when a delivery came without a good signature.
func (s Hooks) Refused(ctx context.Context, h hook.Hook, at time.Time) error {
	err := s.in(ctx, h.AccountID, func(_ pgx.Tx, q *db.Queries) error {
		return q.NoteRefusedDelivery(ctx, db.NoteRefusedDeliveryParams{ProductID: h.ProductID, At: at})
	})
	return wrap(err, "noting a refused delivery")
}
