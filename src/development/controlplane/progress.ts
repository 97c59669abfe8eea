/** Takes one line for a person who waits; it goes to standard error at the edge. */
export type Progress = (line: string) => void;
