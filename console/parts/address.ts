/** What a page shows stands in its address, so that it can be handed on. */
import { useSearchParams } from 'react-router';

/** `change`: '' takes a name out. */
export function useAddress(): { search: URLSearchParams; change: (changes: Record<string, string>) => void } {
  const [search, setSearch] = useSearchParams();
  const change = (changes: Record<string, string>): void =>
    setSearch(
      (before) => {
        for (const [name, value] of Object.entries(changes)) {
          if (value === '') before.delete(name);
          else before.set(name, value);
        }
        return before;
      },
      { replace: true },
    );
  return { search, change };
}
