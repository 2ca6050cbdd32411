/** Templates as the routes see them: those of the hub, and those that were added to it. */
import type { StoredTemplate } from '../contracts.js';
import type { TemplateFacts, Templates } from '../http/bots.js';
import type { Template } from '../training/templates.js';
import type { Parts } from './parts.js';

const shippedFacts = ({ name, title, description, language, pipeline, pairs, files }: Template): TemplateFacts => ({
  name,
  title,
  description,
  language,
  pipeline,
  pairs,
  files,
  shipped: true,
});
const storedFacts = (template: StoredTemplate): TemplateFacts => ({ ...template, shipped: false });

/** A shipped template hides one of the same name that an older release let somebody add. */
export function openTemplates({ templates, store }: Pick<Parts, 'templates' | 'store'>): Templates {
  const shipped = new Map(templates.map((template) => [template.name, shippedFacts(template)]));
  return {
    async find(name) {
      const stored = shipped.has(name) ? null : await store.templates.get(name);
      return shipped.get(name) ?? (stored && storedFacts(stored));
    },
    async list() {
      const added = (await store.templates.list()).filter(({ name }) => !shipped.has(name)).map(storedFacts);
      return [...shipped.values(), ...added].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}
