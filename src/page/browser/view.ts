import type { PageDocument } from '../page-documents.decide.ts';
import type { Route } from './route.ts';

/** The main part of the page. */
export interface View {
  readonly element: HTMLElement;
  /** Gets the focus on navigation, so that a screen reader announces the view. */
  readonly heading: HTMLElement;
  readonly title: string;
  update(document: PageDocument, route: Route): void;
}
