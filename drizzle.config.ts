import { defineConfig } from 'drizzle-kit';

/** `npx drizzle-kit generate` writes the next SQL migration from the tables; it needs no database. */
export default defineConfig({
  dialect: 'sqlite',
  schema: './worker/tables/*.ts',
  out: './schema/migrations',
});
