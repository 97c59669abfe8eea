import type { EntryType } from './archive-tar.ts';
import { UnsafeEntryError } from './errors.ts';

/** The directory of the model in a modelcar. Source: KServe's documentation of oci:// model storage. */
const MODELS = 'models/';
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

function notADirectory(type: EntryType): UnsafeEntryError {
  return new UnsafeEntryError(
    `the image's /models is a ${type ?? 'special entry'}, not a directory. Copy the model itself to /models.`,
  );
}

/** Decides, layer by layer from the top down, which entries of an image belong to its model. */
interface LayerSelection {
  /** The entry's name in the model. Undefined if it is outside the model or an upper layer hides it. */
  rename(name: string, type: EntryType): string | undefined;
  /** Called at the end of a layer: its entries now hide those of the layers below. */
  layerDone(): void;
}

/**
 * Reading from the top down means that nothing must be deleted: an upper layer's file, or its whiteout, hides what is
 * below. Source: github.com/opencontainers/image-spec, layer.md, "Whiteouts".
 */
export function selectModel(): LayerSelection {
  const hidden = new Set<string>();
  const opaque = new Set<string>();
  let ofThisLayer: { readonly hides: string[]; readonly opaque: string[] } = { hides: [], opaque: [] };
  const isHidden = (path: string): boolean => {
    for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
      const part = path.slice(0, end);
      if (hidden.has(part) || (end < path.length && opaque.has(part))) return true;
    }
    return opaque.has('');
  };
  return {
    rename: (name, type) => {
      const path = name.replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
      // A whiteout may remove the directory itself, with all that lower layers have in it.
      if (path === `${WHITEOUT}models` || path === OPAQUE) ofThisLayer.opaque.push('');
      if (path === 'models' && type !== 'directory' && !opaque.has('')) throw notADirectory(type);
      if (!path.startsWith(MODELS)) return undefined;
      const inside = path.slice(MODELS.length).replace(/\/+$/, '');
      if (inside === '') return undefined;
      const cut = inside.lastIndexOf('/') + 1;
      const [parent, base] = [inside.slice(0, Math.max(cut - 1, 0)), inside.slice(cut)];
      if (base === OPAQUE) ofThisLayer.opaque.push(parent);
      else if (base.startsWith(WHITEOUT))
        ofThisLayer.hides.push(inside.slice(0, cut) + base.slice(WHITEOUT.length));
      else if (!isHidden(inside)) {
        if (type !== 'directory') ofThisLayer.hides.push(inside);
        return inside;
      }
      return undefined;
    },
    layerDone: () => {
      for (const path of ofThisLayer.hides) hidden.add(path);
      for (const path of ofThisLayer.opaque) opaque.add(path);
      ofThisLayer = { hides: [], opaque: [] };
    },
  };
}
