require 'spec_helper'
require_relative '../libraries/stand_ins'

describe FlockOfChefsCookbook::StandIns do
  subject(:stand_ins) { described_class.new('there is no gem') }

  let(:lines) { [] }
  let(:resource) { Class.new { define_method(:to_s) { 'file[/x]' } }.include(stand_ins.words).new }
  let(:flock) { Module.new.extend(stand_ins.handles, FlockOfChefsCookbook::MissingConstants) }

  before { allow(Chef::Log).to receive(:warn) { |line| lines << line } }

  it 'answer to every word as the real one does, in one line for each place' do
    2.times { expect(resource.remote_notifies(:run, 'execute[x]', :delayed, node: 'a')).to be(true) }
    resource.remote_subscribes(:create, 'execute[y]', node: 'a')
    resource.wait_until(3, timeout: 5) { raise 'is not asked' }
    resource.wait_while { raise 'is not asked' }
    expect(lines.map { |line| line[/\Aflock_of_chefs: (\w+) of file\[.x\] does nothing: there is no gem \(#{__FILE__}:\d+\)\z/, 1] })
      .to eq(%w(remote_notifies remote_subscribes wait_until wait_while))
  end

  it 'answer nothing for other nodes, however they are asked' do
    expect(flock['a'][:api].ready?('now')).to be_nil
    expect(flock['a'].with_timeout(3).ready?).to be_nil
    expect(flock['a'][:api].future.count.value(5)).to be_nil
    expect(flock.me[:flock_api].active).to be_nil
    expect(flock.nodes(roles: 'x')).to eq([])
    expect(flock.search('role:x')).to eq([])
    expect(lines.first).to start_with('flock_of_chefs: FlockOfChefs["a"][:api].ready? does nothing')
    expect(lines.size).to eq(4)
  end

  it 'let classes be written that include what the gem has' do
    stub_const('Bare', flock)
    api = Class.new do
      include Bare::Api
      api_name :x
      expose :count, help: 'How many'

      def count
        1
      end
    end
    expect(api.new.count).to eq(1)
    expect(Bare::TimeoutError.ancestors).to include(StandardError)
    expect { Bare::Nonsense }.to raise_error(NameError)
  end

  it 'lose to what is included later, as the gem is when it has come' do
    real = Module.new { define_method(:remote_notifies) { |*, **| :real } }
    resource.class.include(real)
    expect(resource.remote_notifies(:run, 'x')).to eq(:real)
  end

  it 'can be withdrawn' do
    flock
    resource
    stand_ins.withdraw
    expect(resource).not_to respond_to(:remote_notifies)
    expect { flock['a'] }.to raise_error(NoMethodError)
  end
end
