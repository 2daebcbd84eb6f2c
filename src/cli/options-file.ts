import { describe, fieldsOf } from '../data/json.js';
import { UsageError } from '../gpu/errors.js';
import { readJson } from '../node/files.js';
import type { Command, Values } from './command.js';
import { fileOf, fromFile } from './values.js';

/**
 * The options of a command from a JSON file: texts and numbers for those that take a value, true or false for the others. Errors
 * about these values name the file.
 */
export function optionsIn(path: string, options: Command['options']): Values {
  const where = `the config file ${path}`;
  const values: Values = {};
  for (const [name, value] of Object.entries(fieldsOf(readJson(path, 'config file'), where, Object.keys(options)))) {
    const flag = options[name]?.type === 'boolean';
    if (flag ? typeof value !== 'boolean' : typeof value !== 'string' && typeof value !== 'number')
      throw new UsageError(
        `${where}: "${name}" must be ${flag ? 'true or false' : 'a text or a number'}, found ${describe(value)}`,
      );
    values[name] = flag ? (value as boolean) : String(value);
    fromFile(values, name, path);
  }
  return values;
}

/** The options of several sources. The last source that has an option determines its value. */
export function merged(...sources: readonly Values[]): Values {
  const values: Values = Object.assign({}, ...sources);
  for (const name of Object.keys(values)) {
    const file = fileOf(sources.findLast((source) => Object.hasOwn(source, name)) ?? {}, name);
    if (file !== undefined) fromFile(values, name, file);
  }
  return values;
}
