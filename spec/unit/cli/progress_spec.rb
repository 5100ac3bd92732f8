# frozen_string_literal: true

require "stringio"
require "flock_of_chefs/cli"

RSpec.describe FlockOfChefs::CLI::Talk do
  let(:io) { StringIO.new }
  let(:talk) { described_class.new(io) }

  def terminal
    io.define_singleton_method(:tty?) { true }
    io.define_singleton_method(:winsize) { [24, 60] }
  end

  # Three nodes, of which one fails and one does not end.
  def work(progress)
    %w[a b c].each { |node| progress.began(node) }
    progress.ended("a", "done", good: true)
    talk.call("something else")
    progress.ended("b", "failed", good: false)
    progress.close
  end

  it "writes a line per change in a pipe" do
    work(talk.progress(3))
    expect(io.string).to eq(<<~TEXT)
      a: done (1 of 3 done, 0 failed, 2 outstanding)
      something else
      b: failed (1 of 3 done, 1 failed, 1 outstanding)
    TEXT
  end

  it "redraws one line on a terminal, around what is said, and takes it away" do
    terminal
    work(talk.progress(3))
    expect(io.string).to include("\r\e[Kb: failed\n")
    expect(io.string).to include("1 of 3 done, 0 failed, 2 outstanding\r\e[Ksomething else\n1 of 3 done, 0 failed")
    expect(io.string).to end_with("1 of 3 done, 1 failed, 1 outstanding\r\e[K")
  end

  it "hands no terminal another node's commands" do
    talk.call("a: \e]0;pwn\a\nb: done")
    expect(io.string).to eq("a: \\e]0;pwn\\a b: done\n")
    terminal
    talk.show("x \e[2J")
    expect(io.string).to end_with("x \\e[2J")
  end

  it "falls silent where nobody listens any more" do
    reader, writer = IO.pipe
    reader.close
    terminal = instance_double(IO, print: nil, flush: nil, tty?: true, winsize: [24, 60])
    allow(terminal).to receive(:puts).and_raise(Errno::EIO)
    [writer, terminal].each do |gone|
      talk = described_class.new(gone)
      progress = talk.progress(2)
      expect { 2.times { talk.call("x") && progress.began("a") } }.not_to raise_error
      progress.close
    end
    expect(terminal).to have_received(:puts).once
  end

  it "says nothing of one node" do
    [talk.progress(1)].each { |progress| progress.ended("a", "done", good: true) }
    terminal
    talk.progress(1).tap { |progress| progress.ended("a", "done", good: true) }.close
    expect(io.string).to eq("")
  end

  it "names the slowest of those that are outstanding" do
    progress = FlockOfChefs::CLI::Progress.new(5, ->(_) {})
    now = 0
    allow(progress).to receive(:now) { now }
    %w[a b c d].each { |node| progress.began(node).then { now += 10 } }
    progress.ended("a", "done", good: true)
    expect(progress.to_s).to eq("1 of 5 done, 0 failed, 4 outstanding (slowest: b 30 s, c 20 s, d 10 s)")
  end
end
