import type { PageDocument } from '../page-documents.decide.ts';
import type { Route } from './route.ts';

/** What is in the middle of the page. */
export interface View {
  readonly element: HTMLElement;
  /** Takes the focus when the view is gone to, so that a screen reader tells where one is. */
  readonly heading: HTMLElement;
  readonly title: string;
  update(document: PageDocument, route: Route): void;
}
