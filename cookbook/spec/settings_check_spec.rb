require 'spec_helper'
require_relative '../libraries/flock_gem'
require_relative '../libraries/settings_check'
require 'tmpdir'

describe FlockOfChefsCookbook::SettingsCheck do
  let(:agent) { Struct.new(:gem_version, :config).new('0.1.0', '/etc/flock/agent.toml') }
  let(:gem_there) { true }

  around { |example| Dir.mktmpdir { |dir| (@dir = dir) && example.run } }

  # A flockctl that answers to `config check --help` and to `config check FILE` by these lines of shell.
  def flockctl(help, file)
    path = File.join(@dir, 'flockctl')
    File.write(path, "#!/bin/sh\necho \"$@\" >> #{@dir}/calls\ncase \"$3\" in --help) #{help};; *) #{file};; esac\n")
    allow(FlockOfChefsCookbook::FlockGem).to receive(:installed?).with('0.1.0').and_return(gem_there)
    allow(FlockOfChefsCookbook::FlockGem).to receive(:flockctl).with('0.1.0').and_return(['/bin/sh', path])
  end

  def calls
    File.readlines(File.join(@dir, 'calls'), chomp: true)
  end

  it 'takes what flockctl takes' do
    flockctl('exit 0', 'exit 0')
    expect(described_class.passed?(agent, '/tmp/new')).to be(true)
    expect(calls.last).to eq('config check /tmp/new')
  end

  it 'refuses what flockctl refuses, and says why, naming the file as people know it' do
    flockctl('exit 0', 'echo "$3:2: unknown key listne" >&2; exit 1')
    expect(Chef::Log).to receive(:error)
      .with(%r{: /etc/flock/agent.toml is left as it is, since .* is refused: /etc/flock/agent.toml:2: unknown key listne\z})
    expect(described_class.passed?(agent, '/tmp/new')).to be(false)
  end

  it 'takes everything where this flockctl cannot check' do
    flockctl('exit 1', 'exit 1')
    expect(described_class.passed?(agent, '/tmp/new')).to be(true)
    expect(calls).to eq(['config check --help'])
  end

  context 'without the gem, as in a why-run' do
    let(:gem_there) { false }

    it 'takes everything' do
      flockctl('exit 0', 'exit 1')
      expect(described_class.passed?(agent, '/tmp/new')).to be(true)
    end
  end
end
