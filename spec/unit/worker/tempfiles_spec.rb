# frozen_string_literal: true

require "flock_of_chefs/worker/tempfiles"

RSpec.describe FlockOfChefs::Worker::Tempfiles do
  # What a process leaves that ends by exit!.
  def left_by
    IO.pipe do |reader, writer|
      pid = fork do
        described_class.watch
        yield writer
        described_class.remove
      ensure
        Process.exit!(0)
      end
      writer.close
      Process.wait(pid)
      reader.read.split
    end
  end

  it "removes what the process made, and nothing that it inherited" do
    inherited = Tempfile.new("inherited")
    made = left_by do |paths|
      @kept = Tempfile.new("made")
      Tempfile.new("gone").close!
      paths.puts(@kept.path)
    end
    expect(made.size).to eq(1)
    expect([File.exist?(made.first), File.exist?(inherited.path)]).to eq([false, true])
  ensure
    inherited&.close!
  end
end
