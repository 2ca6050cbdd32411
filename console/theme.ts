/** The look of the console. */
import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** Indigo, dark enough from 7 on for white text and for text on white. */
const ink: MantineColorsTuple = [
  '#eef0fc',
  '#dadef7',
  '#b3bbef',
  '#8a96e8',
  '#6876e1',
  '#5262dd',
  '#4655cf',
  '#3745b4',
  '#303ca0',
  '#26328c',
];

export const theme = createTheme({
  primaryColor: 'ink',
  primaryShade: { light: 7, dark: 7 },
  colors: { ink },
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif',
  defaultRadius: 'md',
  respectReducedMotion: true,
  components: {
    // The page stays as wide as it is while a dialog is open.
    Modal: { defaultProps: { lockScroll: false, centered: true, closeButtonProps: { 'aria-label': '×' } } },
  },
});

/** The kit's quiet text, and its red on white, are too faint to read for many. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5c636a',
    '--mantine-color-placeholder': '#6b7280',
    '--mantine-color-red-text': '#c92a2a',
    '--mantine-color-error': '#c92a2a',
  },
  dark: {
    '--mantine-color-dimmed': '#a6a7ab',
    '--mantine-color-placeholder': '#909296',
    '--mantine-color-anchor': '#a4aef0',
  },
});
