import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { settings } from '../settings.ts';
import { configurationFields, presentSetting } from './response.ts';

/** listConfigurations: the settings are the program's own list, so this is no list of rows. */
export const listConfigurations = syncCommand({
  name: 'listConfigurations',
  description: 'Lists the settings of the installation',
  roles: ['Admin'],
  parameters: {
    name: p.text.optional('The one of this name'),
    category: p.text.optional('Those of this category'),
    keyword: p.text.optional('Those whose name holds this'),
    page: p.integer(1, 2_147_483_647).optional('The page, from 1; pagesize must stand beside it'),
    pagesize: p.integer(1, 500).optional('Settings on a page; page must stand beside it'),
  },
  responseKey: null,
  responseFields: configurationFields,
  handler: async ({ db }, { name, category, keyword, page, pagesize }) => {
    if ((page === undefined) !== (pagesize === undefined)) {
      throw parameterError(page === undefined ? 'page' : 'pagesize', '', 'page and pagesize together');
    }
    const rows = await db.selectFrom('configuration').selectAll().execute();
    const values = new Map(rows.map((row) => [row.name, row.value]));
    const found = Object.entries(settings).filter(
      ([each, setting]) =>
        (name === undefined || each === name) &&
        (category === undefined || setting.category.toLowerCase() === category.toLowerCase()) &&
        (keyword === undefined || each.includes(keyword.toLowerCase())),
    );
    const size = pagesize ?? found.length;
    const start = ((page ?? 1) - 1) * size;
    const shown = found.sort(([a], [b]) => (a < b ? -1 : 1)).slice(start, start + size);
    if (shown.length === 0) return {};
    return {
      count: found.length,
      configuration: shown.map(([each, setting]) =>
        presentSetting(each, setting, values.get(each) ?? setting.defaultValue),
      ),
    };
  },
});
