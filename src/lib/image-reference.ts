const HOST_PART = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = `(?:${HOST_PART}(?:\\.${HOST_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const PATH_PART = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = `(?:${HOST}/)?${PATH_PART}(?:/${PATH_PART})*`;
const TAG = '[\\w][\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(${NAME})(?::${TAG})?(?:@${DIGEST})?$`);
const LONGEST_NAME = 255;

/**
 * Whether a container runtime can parse the image: `[host[:port]/]path[:tag][@digest]`. Source of the grammar:
 * github.com/distribution/reference, regexp.go.
 */
export function isImageReference(text: string): boolean {
  const name = text.length > 1024 ? undefined : REFERENCE.exec(text)?.[1];
  return name !== undefined && name.length <= LONGEST_NAME;
}
