// Sessions that have not ended, for queries.
import { sql } from 'kysely';

/** Written as the indexes of migration 0014 have it, so that PostgreSQL uses them. */
export const notEnded = sql<boolean>`console_session.state <> 'Ended'`;
