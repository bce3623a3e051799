// Types of columns that many tables have.
import type { ColumnType } from 'kysely';

/** A timestamp: read as Date, written as Date or left to the database. */
export type Timestamp = ColumnType<Date, Date | undefined, Date>;
/** JSON: read as a value, written as text. */
export type Json<Value> = ColumnType<Value, string, string>;
