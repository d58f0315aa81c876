import * as fs from "node:fs";
import * as path from "node:path";
import { CfnResource, Duration, Stack } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import { Construct } from "constructs";

export interface RotationFunctionProps {
  /** The function, such as `rotate-postgres`. */
  readonly name: string;
  /** The longest that a step may take. */
  readonly timeout: Duration;
  /** Settings, as the README lists them. */
  readonly environment?: Record<string, string>;
  /** The secrets that may be administrators' secrets, which the field `masterarn` of other secrets names. */
  readonly administrators?: string[];
  /** What the role allows beside the secrets. */
  readonly statements?: iam.PolicyStatement[];
  /** The network in which the target is. */
  readonly vpc?: ec2.IVpc;
}

/**
 * A function of Fourstep from its zip. Its role allows what the function calls, and only on the secrets that it is given
 * to rotate.
 */
export class RotationFunction extends Construct {
  private readonly handler: lambda.Function;
  private readonly policy: iam.Policy;

  constructor(scope: Construct, id: string, props: RotationFunctionProps) {
    super(scope, id);
    const arm = this.node.tryGetContext("architecture") !== "x86_64";
    const logGroup = new logs.LogGroup(this, "Logs", { retention: logs.RetentionDays.THREE_MONTHS });
    const role = new iam.Role(this, "Role", { assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com") });
    const service = new iam.Policy(this, "ServicePolicy", { roles: [role], statements: [this.log(logGroup)] });
    if (props.vpc) {
      service.addStatements(this.join());
    }
    this.handler = new lambda.Function(this, "Function", {
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: arm ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
      handler: "bootstrap",
      code: lambda.Code.fromAsset(this.zip(props.name, arm ? "arm64" : "x86_64")),
      memorySize: 128,
      timeout: props.timeout,
      environment: { ...props.environment, ADMIN_SECRETS: (props.administrators ?? []).join(",") },
      loggingFormat: lambda.LoggingFormat.JSON,
      logGroup,
      role,
      vpc: props.vpc,
    });
    // Lambda joins the network with the role while it makes the function.
    this.handler.node.addDependency(service);
    const allowed = [...(props.statements ?? [])];
    if (props.administrators?.length) {
      allowed.push(
        new iam.PolicyStatement({
          actions: ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
          resources: props.administrators,
        }),
      );
    }
    // Apart from the role, since it names the function, and the function names the role.
    this.policy = new iam.Policy(this, "Policy", { roles: [role], statements: allowed });
  }

  /**
   * Rotates a secret on a schedule. At once too, if `immediately`: leave that out where the target does not have the
   * secret's value yet.
   */
  rotates(secret: secretsmanager.ISecret, schedule: string, immediately = false): void {
    this.policy.addStatements(this.rotate(secret));
    const invocation = new lambda.CfnPermission(this, `${secret.node.id}Invocation`, {
      functionName: this.handler.functionName,
      action: "lambda:InvokeFunction",
      principal: "secretsmanager.amazonaws.com",
      sourceAccount: Stack.of(this).account,
      sourceArn: secret.secretArn,
    });
    const rotation = new secretsmanager.CfnRotationSchedule(this, `${secret.node.id}Rotation`, {
      secretId: secret.secretArn,
      rotationLambdaArn: this.handler.functionArn,
      rotateImmediatelyOnUpdate: immediately,
      rotationRules: { scheduleExpression: schedule },
    });
    // Secrets Manager tries the function while it makes the schedule: by then it has to be allowed to call it, and the
    // function to read the secret.
    rotation.addResourceDependency(invocation);
    rotation.addResourceDependency(this.policy.node.defaultChild as CfnResource);
  }

  private rotate(secret: secretsmanager.ISecret): iam.PolicyStatement {
    return new iam.PolicyStatement({
      actions: [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
      ],
      resources: [secret.secretArn],
      conditions: {
        ArnLike: {
          "secretsmanager:resource/AllowRotationLambdaArn": [
            this.handler.functionArn,
            `${this.handler.functionArn}:*`,
          ],
        },
      },
    });
  }

  private log(logGroup: logs.ILogGroup): iam.PolicyStatement {
    const actions = ["logs:CreateLogStream", "logs:PutLogEvents"];
    return new iam.PolicyStatement({ actions, resources: [logGroup.logGroupArn] });
  }

  private join(): iam.PolicyStatement {
    return new iam.PolicyStatement({
      actions: [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ],
      resources: ["*"],
    });
  }

  /** The zip of a release, in the folder that the context names. */
  private zip(name: string, architecture: string): string {
    const folder: string = this.node.tryGetContext("zips") ?? "../../dist";
    const files = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    const found = files.filter((file) => file.startsWith(`${name}-`) && file.endsWith(`-${architecture}.zip`));
    if (found.length !== 1) {
      throw new Error(
        `${path.resolve(folder)} has ${found.length} zips of ${name} for ${architecture}. Put the one of a release there, ` +
          `or build it with: cargo xtask package --architecture ${architecture}`,
      );
    }
    return path.join(folder, found[0]);
  }
}
