import type { DroppedFile } from './protocol.js';

/** The data folder in a dropped or chosen folder, with all files in it. */
export interface DroppedFolder {
  /** Its name in errors. */
  readonly name: string;
  readonly files: readonly DroppedFile[];
}

const UNNAMED = 'the dropped folder';

/** An entry that is part of a dataset, by which a data folder is recognised. */
const PART = /^.+-dataset$|^.+-annotation-(?:train|test)\.csv$/;

/**
 * The data folder among files with full paths: the topmost folder that contains part of a dataset or, if there is none, the folder
 * that contains all files.
 */
export function dataFolder(all: readonly DroppedFile[]): DroppedFolder {
  const files = all.filter(({ path }) => !path.split('/').some((name) => name.startsWith('.')));
  const roots = files.flatMap(({ path }) => {
    const names = path.split('/');
    const at = names.findIndex((name) => PART.test(name));
    return at < 0 ? [] : [names.slice(0, at)];
  });
  const [first] = files;
  const top =
    first && files.every((f) => f.path.startsWith(`${first.path.split('/')[0]}/`))
      ? first.path.split('/').slice(0, 1)
      : [];
  const root =
    roots.reduce<readonly string[] | undefined>((a, b) => (a && a.length <= b.length ? a : b), undefined) ?? top;
  const prefix = root.map((name) => `${name}/`).join('');
  return {
    name: root.at(-1) ?? UNNAMED,
    files: files
      .filter(({ path }) => path.startsWith(prefix))
      .map(({ path, file }) => ({ path: path.slice(prefix.length), file })),
  };
}

/** The files of `<input webkitdirectory>`. */
export function chosenFiles(list: Iterable<File>): DroppedFile[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

/** The dropped entries. Call it during the drop event. */
export function droppedEntries(transfer: DataTransfer): FileSystemEntry[] {
  return [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
}

/** All files in dropped entries. */
export async function filesIn(entries: readonly FileSystemEntry[]): Promise<DroppedFile[]> {
  const found: DroppedFile[] = [];
  for (const entry of entries) {
    if (isFile(entry)) found.push({ path: entry.fullPath.replace(/^\//, ''), file: await fileOf(entry) });
    else found.push(...(await filesIn(await entriesOf(entry as FileSystemDirectoryEntry))));
  }
  return found;
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

const fileOf = (entry: FileSystemFileEntry) => new Promise<File>((resolve, reject) => entry.file(resolve, reject));

/** The entries of a folder, which the browser returns a hundred at a time, and an empty list at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some);
  }
}
