# frozen_string_literal: true

require "tmpdir"
require "flock_of_chefs/run/files"

RSpec.describe FlockOfChefs::Run::Files do
  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  it "leaves nothing when it cannot write" do
    Dir.mkdir("#{@dir}/taken")
    expect { described_class.write("#{@dir}/taken", "x") }.to raise_error(SystemCallError)
    expect(Dir.children(@dir)).to eq(["taken"])
  end
end
