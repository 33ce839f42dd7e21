import { expect, test } from 'vitest'
import { quantile, type Topic, topicCells, topicMarkdown, topicText } from './topic.ts'

const topic: Topic = {
  title: 'Speed',
  columns: [
    { heading: 'time', format: (value) => `${value} ms` },
    { heading: 'why', format: String },
  ],
  lines: [
    { program: 'ours', cells: [[2, 1, 30], 'n/a'] },
    { program: 'peer', cells: [[5], 'slow'] },
    { program: 'other', cells: ['not here', ''] },
  ],
  notes: ['A note.'],
}

test('a number is the median, with its ratio to ours; words stay words', () => {
  expect(topicCells(topic, 'ours')).toEqual([
    ['', 'time', 'why'],
    ['ours', '2 ms', 'n/a'],
    ['peer', '5 ms (2.50x)', 'slow'],
    ['other', 'not here', ''],
  ])
})

test('without a number of ours, or beside a zero, there is no ratio', () => {
  const lines = topic.lines.map((line) => (line.program === 'ours' ? { ...line, cells: [] } : line))
  expect(topicCells({ ...topic, lines }, 'ours')[2]).toEqual(['peer', '5 ms', 'slow'])
  const zero = [{ program: 'ours', cells: [[0]] }, ...topic.lines.slice(1)]
  expect(topicCells({ ...topic, lines: zero }, 'ours')[2]).toEqual(['peer', '5 ms', 'slow'])
})

test('the texts hold title, rows and notes', () => {
  expect(topicText(topic, 'ours').split('\n')[2]).toBe('ours   2 ms          n/a')
  const markdown = topicMarkdown(topic, 'ours')
  expect(markdown).toContain('|  | time | why |\n| --- | --- | --- |\n| ours | 2 ms | n/a |')
  expect(markdown).toContain('**Speed**')
  expect(markdown).toMatch(/A note\.$/)
})

test('a quantile is one of the samples', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(quantile(samples, 0.95)).toBe(95)
  expect(quantile([7], 0.95)).toBe(7)
  expect(() => quantile([], 0.5)).toThrow('no samples')
})
