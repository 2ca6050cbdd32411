/** The charts. A picture for the eye: the same figures stand in a table beside each. */
import {
  Bar,
  BarChart,
  CartesianGrid,
  Legend,
  Line as Curve,
  LineChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';

export interface Line {
  key: string;
  label: string;
}
type Point = { name: string } & Record<string, string | number | null>;

/** Told apart by lightness too. */
const colors = ['var(--sb-chart-1)', 'var(--sb-chart-2)', 'var(--sb-chart-3)'];
const text = { fill: 'var(--mantine-color-dimmed)', fontSize: 12 };
const tip = {
  contentStyle: {
    background: 'var(--mantine-color-body)',
    border: '1px solid var(--mantine-color-default-border)',
    borderRadius: 8,
    fontSize: 13,
  },
  itemStyle: { color: 'var(--mantine-color-text)' },
  cursor: { fill: 'var(--mantine-color-default-hover)' },
  isAnimationActive: false,
};

interface DayChartProps {
  label: string;
  points: Point[];
  lines: Line[];
  format: (value: number | null) => string;
  kind: 'bars' | 'lines';
}
export function DayChart({ label, points, lines, format, kind }: DayChartProps) {
  const shared = (
    <>
      <CartesianGrid vertical={false} stroke="var(--mantine-color-default-border)" />
      <XAxis dataKey="name" tick={text} tickLine={false} minTickGap={24} />
      <YAxis
        tick={text}
        tickLine={false}
        axisLine={false}
        width={64}
        tickFormatter={format}
        allowDecimals={kind === 'lines'}
      />
      <Tooltip {...tip} formatter={(value) => format(typeof value === 'number' ? value : null)} />
      {lines.length > 1 && <Legend itemSorter={null} wrapperStyle={{ fontSize: 13 }} />}
    </>
  );
  return (
    <div role="img" aria-label={label} className="sb-chart">
      <ResponsiveContainer width="100%" height={260}>
        {kind === 'bars' ? (
          <BarChart data={points} accessibilityLayer={false}>
            {shared}
            {lines.map(({ key, label: name }, at) => (
              <Bar
                key={key}
                dataKey={key}
                name={name}
                stackId="all"
                fill={colors[at] ?? ''}
                isAnimationActive={false}
              />
            ))}
          </BarChart>
        ) : (
          <LineChart data={points} accessibilityLayer={false}>
            {shared}
            {lines.map(({ key, label: name }, at) => (
              <Curve
                key={key}
                dataKey={key}
                name={name}
                stroke={colors[at] ?? ''}
                strokeWidth={2}
                strokeDasharray={at === 0 ? '' : '6 3'}
                dot={{ r: 2 }}
                connectNulls
                isAnimationActive={false}
              />
            ))}
          </LineChart>
        )}
      </ResponsiveContainer>
    </div>
  );
}

const barHeight = 30;
const longest = 26;
const short = (name: string): string => (name.length > longest ? `${name.slice(0, longest - 1)}…` : name);

interface PartChartProps {
  label: string;
  points: { name: string; messages: number }[];
  /** What the bars count. */
  counted: string;
}
export function PartChart({ label, points, counted }: PartChartProps) {
  return (
    <div role="img" aria-label={label} className="sb-chart">
      <ResponsiveContainer width="100%" height={points.length * barHeight + 30}>
        <BarChart
          data={points.map(({ name, messages }, at) => ({ id: at, name, messages }))}
          layout="vertical"
          accessibilityLayer={false}
        >
          <XAxis type="number" tick={text} tickLine={false} allowDecimals={false} />
          <YAxis
            type="category"
            dataKey="id"
            width={170}
            tick={text}
            tickLine={false}
            axisLine={false}
            tickFormatter={(at: number) => short(points[at]?.name ?? '')}
            interval={0}
          />
          <Tooltip {...tip} labelFormatter={(at) => points[Number(at)]?.name ?? ''} />
          <Bar dataKey="messages" name={counted} fill={colors[0] ?? ''} barSize={14} isAnimationActive={false} />
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
