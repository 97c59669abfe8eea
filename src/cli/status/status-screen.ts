import type { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { table } from '../table.ts';
import type { Rows } from './status-tables.ts';
import { tablesText } from './status-tables.ts';
import { isTerminal } from '../terminal.ts';

/** Where tables are shown again and again. */
interface Screen {
  show(tables: readonly Rows[]): void;
}

const HOME_AND_CLEAR = '\u001b[H\u001b[J';

/** A terminal is redrawn each time; anywhere else the lines that are new or different are appended. */
export function screenFor(stdout: Writable, headers = true): Screen {
  const terminal = isTerminal(stdout);
  return terminal ? redrawn(stdout, headers) : appended(stdout, headers);
}

function redrawn(stdout: Writable & { readonly rows?: number }, headers: boolean): Screen {
  return {
    show(tables) {
      const lines = tablesText(tables, headers).trimEnd().split('\n');
      // What does not fit would scroll the rest away at each drawing.
      const room = Math.max(1, (stdout.rows ?? Infinity) - 2);
      const more = lines.length - room;
      if (more > 0) lines.splice(room, Infinity, `… and ${more} lines more; name what you want to see`);
      stdout.write(`${HOME_AND_CLEAR}${lines.join('\n')}\n`);
    },
  };
}

function appended(stdout: Writable, headers: boolean): Screen {
  const shown = new Map<string, string>();
  const headed = new Set<string>();
  return {
    show(tables) {
      const present = new Set<string>();
      for (const { headings, rows } of tables) {
        const [heading = '', ...lines] = table(headings, [...rows.values()]).split('\n');
        const column = headings.indexOf('AGE');
        const kind = headings.join(' ');
        for (const [index, [key, cells]] of [...rows].entries()) {
          present.add(key);
          // That it is older is no news.
          const news = cells.filter((_cell, at) => at !== column).join('\u0000');
          if (shown.get(key) === news) continue;
          shown.set(key, news);
          if (headers && !headed.has(kind)) stdout.write(`${heading}\n`);
          headed.add(kind);
          stdout.write(`${lines[index] ?? ''}\n`);
        }
      }
      for (const key of [...shown.keys()].filter((one) => !present.has(one))) {
        shown.delete(key);
        stdout.write(`${stripVTControlCharacters(key)} is gone\n`);
      }
    },
  };
}
